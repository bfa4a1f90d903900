"""Stripe's forms: decoded into nested values, and checked against the SDK's own parameter types.

The SDK sends `line_items[0][price_data][unit_amount]=100`. Its `…Params` classes are generated from Stripe's
specification, so whatever they do not know Stripe would refuse as well. Only what was sent is resolved: the whole of
a type such as the payment intent's takes seconds.
"""

import re
import typing
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import import_module
from urllib.parse import parse_qsl

from stripe._request_options import RequestOptions

OPTIONS = frozenset(RequestOptions.__annotations__)
"""What the SDK takes beside the parameters, and never puts into a form."""

INHERITED = {"StripeContext": object, "Mapping": typing.Mapping}
"""Names in the options, which every type inherits, that are not at hand in its own module."""

TYPES = {
    ("POST", "customers"): "_customer_create_params:CustomerCreateParams",
    ("GET", "customers"): "_customer_list_params:CustomerListParams",
    ("GET", "customers/*"): "_customer_retrieve_params:CustomerRetrieveParams",
    ("POST", "customers/*"): "_customer_update_params:CustomerUpdateParams",
    ("GET", "customers/*/payment_methods"): "_customer_payment_method_list_params:CustomerPaymentMethodListParams",
    ("POST", "payment_methods/*/detach"): "_payment_method_detach_params:PaymentMethodDetachParams",
    ("POST", "checkout/sessions"): "checkout._session_create_params:SessionCreateParams",
    ("GET", "checkout/sessions"): "checkout._session_list_params:SessionListParams",
    ("GET", "checkout/sessions/*"): "checkout._session_retrieve_params:SessionRetrieveParams",
    ("POST", "checkout/sessions/*/expire"): "checkout._session_expire_params:SessionExpireParams",
    ("POST", "payment_intents"): "_payment_intent_create_params:PaymentIntentCreateParams",
    ("GET", "payment_intents"): "_payment_intent_list_params:PaymentIntentListParams",
    ("GET", "payment_intents/*"): "_payment_intent_retrieve_params:PaymentIntentRetrieveParams",
    ("POST", "refunds"): "_refund_create_params:RefundCreateParams",
    ("GET", "refunds"): "_refund_list_params:RefundListParams",
    ("GET", "refunds/*"): "_refund_retrieve_params:RefundRetrieveParams",
    ("GET", "disputes"): "_dispute_list_params:DisputeListParams",
    ("GET", "disputes/*"): "_dispute_retrieve_params:DisputeRetrieveParams",
    ("POST", "invoices"): "_invoice_create_params:InvoiceCreateParams",
    ("GET", "invoices"): "_invoice_list_params:InvoiceListParams",
    ("GET", "invoices/*"): "_invoice_retrieve_params:InvoiceRetrieveParams",
    ("POST", "invoices/*/finalize"): "_invoice_finalize_invoice_params:InvoiceFinalizeInvoiceParams",
    ("POST", "invoices/*/send"): "_invoice_send_invoice_params:InvoiceSendInvoiceParams",
    ("POST", "invoices/*/void"): "_invoice_void_invoice_params:InvoiceVoidInvoiceParams",
    ("POST", "invoiceitems"): "_invoice_item_create_params:InvoiceItemCreateParams",
    ("GET", "invoiceitems"): "_invoice_item_list_params:InvoiceItemListParams",
    ("POST", "billing_portal/sessions"): "billing_portal._session_create_params:SessionCreateParams",
    ("GET", "events"): "_event_list_params:EventListParams",
    ("GET", "events/*"): "_event_retrieve_params:EventRetrieveParams",
}


class BadParam(Exception):
    """What Stripe answers with 400. `param` is the name as it was sent."""

    def __init__(self, param, message, code="parameter_unknown"):
        super().__init__(message)
        self.param = param
        self.message = message
        self.code = code


def decode(form):
    """Pairs, or an encoded form, as nested dicts and lists of strings."""
    pairs = parse_qsl(form, keep_blank_values=True, strict_parsing=bool(form)) if isinstance(form, str) else form
    found = {}
    for name, value in pairs:
        first, *rest = re.split(r"\[|\]\[", name.removesuffix("]")) if "[" in name else [name]
        place = found
        for key, step in zip([first, *rest[:-1]], rest, strict=True) if rest else ():
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise BadParam(name, f"Invalid form: {step} is in a value")
        place[rest[-1] if rest else first] = value
    return _lists(found)


def _lists(found):
    if not isinstance(found, dict):
        return found
    if found and all(key.isdigit() for key in found):
        return [_lists(found[key]) for key in sorted(found, key=int)]
    return {key: _lists(value) for key, value in found.items()}


def check(method, pattern, params):
    """Raises `BadParam` for what the SDK's type does not have. Gives back the parameters with their types."""
    name = TYPES.get((method, pattern))
    if name is None:
        raise BadParam("", f"Unrecognized request URL ({method}: /v1/{pattern}).", "url_invalid")
    module, _, kind = name.partition(":")
    return _typed(params, getattr(import_module(f"stripe.params.{module}"), kind), "")


@cache
def _fields(kind):
    """Of a TypedDict."""
    return typing.get_type_hints(kind, localns=INHERITED)


def _typed(value, wanted, path):
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if isinstance(wanted, typing.ForwardRef):
        raise TypeError(f"{wanted} at {path} was not resolved")
    if typing.is_typeddict(wanted) or hasattr(wanted, "__required_keys__"):
        return _dict(value, wanted, path)
    if str(origin).endswith("NotRequired") or str(origin).endswith("Required"):
        return _typed(value, args[0], path)
    if origin is typing.Union or type(wanted).__name__ == "UnionType":
        return _either(value, args, path)
    if origin is typing.Literal:
        if value in args:
            return value
        raise BadParam(path, f"Invalid {path}: must be one of {', '.join(map(str, args))}", "parameter_invalid")
    if origin in (list, typing.List):  # noqa: UP006
        if not isinstance(value, list):
            raise BadParam(path, "Invalid array", "parameter_invalid")
        return [_typed(each, args[0], f"{path}[{n}]") for n, each in enumerate(value)]
    if origin in (dict, typing.Dict):  # noqa: UP006
        if not isinstance(value, dict):
            raise BadParam(path, "Invalid object", "parameter_invalid")
        return {key: _typed(each, args[1], f"{path}[{key}]") for key, each in value.items()}
    return _scalar(value, wanted, path)


def _dict(value, kind, path):
    if not isinstance(value, dict):
        raise BadParam(path, "Invalid object", "parameter_invalid")
    fields = _fields(kind)
    names = {name: f"{path}[{name}]" if path else name for name in value}
    for name in value:
        if name not in fields or (not path and name in OPTIONS):
            raise BadParam(names[name], f"Received unknown parameter: {names[name]}")
    for name in kind.__required_keys__ - OPTIONS:
        if name not in value:
            missing = f"{path}[{name}]" if path else name
            raise BadParam(missing, f"Missing required param: {missing}.", "parameter_missing")
    return {name: _typed(each, fields[name], names[name]) for name, each in value.items()}


def _either(value, kinds, path):
    problem = None
    for kind in sorted(kinds, key=lambda kind: kind is str):
        if str(kind).startswith("stripe._stripe_object."):
            continue
        try:
            return _typed(value, kind, path)
        except BadParam as error:
            # The branch that came furthest knows best what is wrong.
            if problem is None or len(error.param) > len(problem.param):
                problem = error
    raise problem


def _scalar(value, wanted, path):
    if not isinstance(value, str):
        raise BadParam(path, f"Invalid value for {path}", "parameter_invalid")
    if wanted is int:
        if re.fullmatch(r"-?\d+", value) is None:
            raise BadParam(path, f"Invalid integer: {value}", "parameter_invalid_integer")
        return int(value)
    if wanted is bool:
        if value not in {"true", "false"}:
            raise BadParam(path, f"Invalid boolean: {value}", "parameter_invalid")
        return value == "true"
    if wanted is Decimal:
        try:
            return Decimal(value)
        except InvalidOperation:
            raise BadParam(path, f"Invalid decimal: {value}", "parameter_invalid") from None
    if wanted is str:
        return value
    raise TypeError(f"no rule for {wanted} at {path}")
