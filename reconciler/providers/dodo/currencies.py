"""The currencies that Dodo takes, and those of them whose minor unit it leaves in doubt.

`TAKEN` is the enum `Currency` of the vendor's OpenAPI 1.113.0 (read 2026-11-21).

`IN_DOUBT` are those where ISO 4217 and large payment processors count minor units differently, so that an amount could
be wrong by a hundred: Dodo says "lowest denomination" and tells no exponent. CLP, CVE and IDR: Adyen's page "Currency
codes" counts 2, 0 and 0 digits where ISO 4217 says 0, 0 or 2, and 2. MGA and UGX: Stripe's page "Supported currencies"
counts 0 and 2 digits where ISO 4217 says 2 and 0 (both read 2026-11-21). ISK would be one of them, but is not taken.
"""

from __future__ import annotations

_CODES = """
    AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF
    IDR ILS INR IQD JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
    SAR SBD SCR SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SZL THB TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES
    VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
"""

TAKEN = frozenset(_CODES.split())

IN_DOUBT = frozenset({"CLP", "CVE", "IDR", "MGA", "UGX"})
