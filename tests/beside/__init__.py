"""What lies beside specs and below objects: secrets, files, headers, lists of customers, translations, links."""
