"""Countries by their English names (ISO 3166-1, short names and the ones in daily use) and groups of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

# The members of the European Union since 2020-02-01, by
# european-union.europa.eu/principles-countries-history/eu-countries, as of 2026-04. A change is a change here, dated.
_MEMBERS = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU_MEMBERS = tuple(_MEMBERS.split())
EU_AS_OF = "2020-02-01"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "eu": EU_MEMBERS,
    "e.u.": EU_MEMBERS,
    "european union": EU_MEMBERS,
}

_NAMES = """
AD andorra|AE united arab emirates,uae|AF afghanistan|AG antigua and barbuda|AL albania|AM armenia|AO angola
AR argentina|AT austria|AU australia|AZ azerbaijan|BA bosnia and herzegovina,bosnia|BB barbados|BD bangladesh
BE belgium|BF burkina faso|BG bulgaria|BH bahrain|BI burundi|BJ benin|BN brunei|BO bolivia|BR brazil,brasil
BS bahamas|BT bhutan|BW botswana|BY belarus|BZ belize|CA canada|CF central african republic|CH switzerland
CI ivory coast|CL chile|CM cameroon|CN china|CO colombia|CR costa rica|CU cuba|CV cape verde|CY cyprus
CZ czechia,czech republic|DE germany|DJ djibouti|DK denmark|DM dominica|DO dominican republic|DZ algeria
EC ecuador|EE estonia|EG egypt|ER eritrea|ES spain|ET ethiopia|FI finland|FJ fiji|FR france|GA gabon
GB united kingdom,uk,great britain,britain|GD grenada|GH ghana|GM gambia|GQ equatorial guinea|GR greece
GT guatemala|GW guinea-bissau|GY guyana|HK hong kong|HN honduras|HR croatia|HT haiti|HU hungary|ID indonesia
IE ireland|IL israel|IN india|IQ iraq|IR iran|IS iceland|IT italy|JM jamaica|JP japan|KE kenya|KG kyrgyzstan
KH cambodia|KI kiribati|KM comoros|KR south korea|KW kuwait|KZ kazakhstan|LA laos|LB lebanon|LC saint lucia
LI liechtenstein|LK sri lanka|LR liberia|LS lesotho|LT lithuania|LU luxembourg|LV latvia|LY libya|MA morocco
MC monaco|MD moldova|ME montenegro|MG madagascar|MK north macedonia|ML mali|MM myanmar|MN mongolia|MO macao
MR mauritania|MT malta|MU mauritius|MV maldives|MW malawi|MX mexico|MY malaysia|MZ mozambique|NA namibia
NE niger|NG nigeria|NI nicaragua|NL netherlands,holland|NO norway|NP nepal|NZ new zealand|OM oman|PA panama
PE peru|PG papua new guinea|PH philippines|PK pakistan|PL poland|PR puerto rico|PT portugal|PY paraguay
QA qatar|RO romania|RS serbia|RU russia|RW rwanda|SA saudi arabia|SB solomon islands|SC seychelles|SD sudan
SE sweden|SG singapore|SI slovenia|SK slovakia|SL sierra leone|SM san marino|SN senegal|SO somalia|SR suriname
SS south sudan|SV el salvador|SY syria|SZ eswatini|TD chad|TG togo|TH thailand|TJ tajikistan|TL timor-leste
TM turkmenistan|TN tunisia|TO tonga|TR turkey,turkiye|TT trinidad and tobago|TV tuvalu|TW taiwan|TZ tanzania
UA ukraine|UG uganda|US united states,usa,u.s.,united states of america|UY uruguay|UZ uzbekistan
VA vatican city|VC saint vincent and the grenadines|VE venezuela|VN vietnam|VU vanuatu|WS samoa|YE yemen
ZA south africa|ZM zambia|ZW zimbabwe
"""
# Left out on purpose, since a name alone does not say which is meant: Georgia, Jordan, Guinea, Congo, Korea.


@lru_cache(maxsize=1)
def countries() -> Mapping[str, str]:
    """Lower-case names to ISO 3166-1 alpha-2 codes."""
    found: dict[str, str] = {}
    for entry in _NAMES.replace("\n", "|").split("|"):
        code, _, names = entry.partition(" ")
        for name in names.split(","):
            if name:
                found[name] = code
    return found


@lru_cache(maxsize=1)
def names_of_codes() -> Mapping[str, str]:
    """ISO 3166-1 alpha-2 codes to the first of their names, with capitals."""
    found: dict[str, str] = {}
    for name, code in countries().items():
        found.setdefault(code, name.title())
    return found
