"""What tests of actions share: specs by their text, and the kinds of actions with what can be undone of them."""

from reconciler.plan.actions.resolved import Resolving
from reconciler.plan.capabilities import KindCapabilities
from reconciler.spec.load import load_text

FINAL = {"execute": "money that went back does not come again"}
KINDS = {
    "refund": KindCapabilities("refund", 100, removal="delete", irreversible=FINAL),
    "credit_grant": KindCapabilities("credit_grant", 110, removal="delete", irreversible=FINAL),
    "cancellation": KindCapabilities("cancellation", 160),
    "pause": KindCapabilities("pause", 150),
    "trial_extension": KindCapabilities("trial_extension", 140),
    "discount_grant": KindCapabilities("discount_grant", 130),
}


def action(kind, spec, name="outage"):
    text = f"apiVersion: ratecard.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    loaded = load_text(text, "a.yaml")
    assert loaded.diagnostics == (), [str(one) for one in loaded.diagnostics]
    return loaded.specs[0]


def resolving(kind, spec, name="outage"):
    return Resolving(action(kind, spec, name), KINDS, "acme")
