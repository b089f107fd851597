"""The closed lists of words that the real API knows, and its routes that the sandbox does not serve."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """The words of a text, for lists that read better as one."""
    return tuple(text.split())


CURRENCIES = words(
    """
    AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF
    IDR ILS INR IQD JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
    SAR SBD SCR SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SZL THB TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES
    VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
    """
)
"""Currencies of prices."""

COUNTRIES = words(
    """
    AF AX AL DZ AS AD AO AI AQ AG AR AM AW AU AT AZ BS BH BD BB BY BE BZ BJ BM BT BO BQ BA BW BV BR IO BN BG BF
    BI KH CM CA CV KY CF TD CL CN CX CC CO KM CG CD CK CR CI HR CU CW CY CZ DK DJ DM DO EC EG SV GQ ER EE ET FK
    FO FJ FI FR GF PF TF GA GM GE DE GH GI GR GL GD GP GU GT GG GN GW GY HT HM VA HN HK HU IS IN ID IR IQ IE IM
    IL IT JM JP JE JO KZ KE KI KP KR KW KG LA LV LB LS LR LY LI LT LU MO MK MG MW MY MV ML MT MH MQ MR MU YT MX
    FM MD MC MN ME MS MA MZ MM NA NR NP NL NC NZ NI NE NG NU NF MP NO OM PK PW PS PA PG PY PE PH PN PL PT PR QA
    RE RO RU RW BL SH KN LC MF PM VC WS SM ST SA SN RS SC SL SG SX SK SI SB SO ZA GS SS ES LK SD SR SJ SZ SE CH
    SY TW TJ TZ TH TL TG TK TO TT TN TR TM TC TV UG UA AE GB UM US UY UZ VU VE VN VG VI WF EH YE ZM ZW
    """
)
"""Countries of billing addresses."""

EVENT_TYPES = words(
    """
    payment.succeeded payment.failed payment.processing payment.cancelled refund.succeeded refund.failed
    dispute.opened dispute.expired dispute.accepted dispute.cancelled dispute.challenged dispute.won
    dispute.lost subscription.active subscription.renewed subscription.on_hold subscription.paused
    subscription.unpaused subscription.cancelled subscription.failed subscription.expired
    subscription.plan_changed subscription.updated subscription.update_payment_method license_key.created
    payout.created payout.on_hold payout.in_progress payout.failed payout.success credit.added credit.deducted
    credit.expired credit.rolled_over credit.rollover_forfeited credit.overage_charged credit.overage_reset
    credit.manual_adjustment credit.balance_low abandoned_checkout.detected abandoned_checkout.recovered
    dunning.started dunning.recovered entitlement_grant.created entitlement_grant.delivered
    entitlement_grant.failed entitlement_grant.revoked subscription.past_due
    """
)
"""What a webhook endpoint can subscribe to."""

_UNSERVED = """
    /balances/ledger GET
    /blocklist/customers GET POST
    /blocklist/customers/{entry_id} DELETE GET
    /blocklist/customers/{entry_id}/notes POST
    /blocklist/customers/{entry_id}/notes/{note_id} PATCH
    /checkout/supported_countries GET
    /checkouts POST
    /checkouts/preview POST
    /checkouts/{id} GET
    /customers/{customer_id}/credit-entitlements GET
    /customers/{customer_id}/customer-portal/session POST
    /customers/{customer_id}/emails GET
    /customers/{customer_id}/emails/{email_log_id}/body GET
    /customers/{customer_id}/entitlement-grants GET
    /customers/{customer_id}/entitlements GET
    /customers/{customer_id}/payment-methods GET
    /customers/{customer_id}/payment-methods/{payment_method_id} DELETE
    /entitlements/{id}/grants GET
    /entitlements/{id}/grants/{grant_id} DELETE
    /grants/{grant_id}/license-key POST
    /invoices/payments/{payment_id} GET
    /invoices/payouts/{payout_id} GET
    /invoices/refunds/{refund_id} GET
    /license_key_instances GET
    /license_key_instances/{id} GET PATCH
    /license_keys GET POST
    /license_keys/{id} GET PATCH
    /licenses/activate POST
    /licenses/deactivate POST
    /licenses/validate POST
    /moderation/screen POST
    /moderation/usage GET
    /payments POST
    /payments/{payment_id}/retry GET POST
    /payouts GET
    /payouts/{payout_id}/breakup GET
    /payouts/{payout_id}/breakup/details GET
    /payouts/{payout_id}/breakup/details/csv GET
    /products/{id}/files PUT
    /subscriptions/{subscription_id}/charge POST
    /subscriptions/{subscription_id}/credit-usage GET
    /subscriptions/{subscription_id}/update-payment-method POST
    /subscriptions/{subscription_id}/usage-history GET
"""

UNSERVED_ROUTES: tuple[tuple[str, str], ...] = tuple(
    (method, line.split()[0]) for line in _UNSERVED.strip().splitlines() for method in line.split()[1:]
)
"""(method, pattern) of the real API that the sandbox answers with 501."""
