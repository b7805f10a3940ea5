"""Normal forms: every spelling of one identity gives one form, and nobody's values give none."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.identity import (
    identities_of,
    normalise_document,
    normalise_email,
    normalise_phone,
    normalise_profile,
)
from schemas.records import Buyer, CustomerRecord, OrderRecord

EMAILS = [
    ("ana@example.com", "ana@example.com"),
    ("  Ana.Pérez@Example.COM ", "ana.pérez@example.com"),
    (unicodedata.normalize("NFD", "José@tienda.com.ar"), unicodedata.normalize("NFC", "josé@tienda.com.ar")),
    ("ana+ofertas@example.com", "ana+ofertas@example.com"),
    ("test@acme.com.ar", "test@acme.com.ar"),
    ("johndoe@vtex.com.br-207700027841b.ct.vtex.com.br", "johndoe@vtex.com.br"),
    ("Ana@Example.com-99b.ct.vtex.com", "ana@example.com"),
    ("ff2e6348a53a4d449af92be2a1011328@ct.vtex.com.br", None),
    ("ff2e6348a53a4d449af92be2a1011328@ct.vtex.com", None),
    ("FF2E6348@CT.VTEX.COM.BR", None),
    ("conversationtracker+ab12@ct.vtex.com.br", None),
    ("conversationtracker+ab12@acme.com", None),
    ("x7y8@mail.mercadolibre.com", None),
    ("buyer.123@mail.mercadolivre.com", None),
    ("buyer.123@mail.mercadolibre.com.ar", None),
    ("abc@privaterelay.appleid.com", None),
    ("a******.m****@m*******.c**", None),
    ("a***@gmail.com", None),
    ("no-reply@acme.com", None),
    ("NoReply@acme.com", None),
    ("sin.correo@acme.com", None),
    ("test@test", None),
    ("test@test.com", None),
    ("asdf@asdf.com", None),
    ("a@a.com", None),
    ("", None),
    (None, None),
    ("ana", None),
    ("@example.com", None),
    ("ana@", None),
    ("ana@@example.com", None),
    ("ana@example..com", None),
    ("ana@example.com, bea@example.com", None),
    ("ana perez@example.com", None),
    ("x" * 400 + "@example.com", None),
]


@pytest.mark.parametrize(("text", "form"), EMAILS)
def test_an_email_has_one_form_or_none(text: str | None, form: str | None) -> None:
    assert normalise_email(text) == form


PHONES = [
    ("011 15 5555-5555", "AR", "+5491155555555"),
    ("11 15 5555 5555", "AR", "+5491155555555"),
    ("(011) 15-5555-5555", "AR", "+5491155555555"),
    ("+54 9 11 5555 5555", "AR", "+5491155555555"),
    ("+54 11 15 5555 5555", "AR", "+5491155555555"),
    ("5491155555555", "AR", "+5491155555555"),
    ("9 11 5555 5555", "AR", "+5491155555555"),
    ("0351 15 555 5555", "AR", "+5493515555555"),
    ("+54 9 351 555 5555", "ar", "+5493515555555"),
    ("011 4321-9876", "AR", "+541143219876"),
    ("11 4321 9876", "AR", "+541143219876"),
    ("+541143219876", "BR", "+541143219876"),
    ("(11) 98765-4321", "BR", "+5511987654321"),
    ("+55 11 98765 4321", "AR", "+5511987654321"),
    ("2 2345 6789", "CL", "+56223456789"),
    ("1111111111", "AR", None),
    ("+54 9 11 1111 1111", "AR", None),
    ("00000000", "AR", None),
    ("0000000000", "BR", None),
    ("1234567890", "AR", None),
    ("+5411****5555", "AR", None),
    ("15 5555 5555", "AR", None),
    ("123", "AR", None),
    ("no tengo", "AR", None),
    ("", "AR", None),
    (None, "AR", None),
    ("1" * 500, "AR", None),
]


@pytest.mark.parametrize(("text", "country", "form"), PHONES)
def test_a_phone_has_one_form_or_none(text: str | None, country: str, form: str | None) -> None:
    assert normalise_phone(text, country) == form


DOCUMENTS = [
    ("CPF", "529.982.247-25", "cpf:52998224725"),
    ("cpf", " 52998224725 ", "cpf:52998224725"),
    ("CNPJ", "12.abc.345/01de-35", "cnpj:12ABC34501DE35"),
    ("dni", "32.456.789", "dni:32456789"),
    ("CUIT", "20-32456789-3", "cuit:20324567893"),
    ("rut", "12.345.670-k", "rut:12345670K"),
    ("RFC", "ñañ850101ab3", "rfc:ÑAÑ850101AB3"),
    (None, "32456789", ":32456789"),
    ("dni", "３２４５６７８９", "dni:32456789"),
    ("dni", "00000000", None),
    ("dni", "11111111", None),
    ("dni", "11.111.111", None),
    ("dni", "12345678", None),
    ("cpf", "123.456.789-01", None),
    ("dni", "98765432", None),
    ("dni", "***456***", None),
    ("dni", "1234", None),
    ("dni", "SIN DATO", None),
    ("dni", "", None),
    ("dni", None, None),
    ("dni", "9" * 3 + "1" * 60, None),
]


@pytest.mark.parametrize(("kind", "text", "form"), DOCUMENTS)
def test_a_document_has_one_form_or_none(kind: str | None, text: str | None, form: str | None) -> None:
    assert normalise_document(kind, text) == form


def test_equal_digits_of_two_document_types_are_two_identities() -> None:
    assert normalise_document("dni", "32456789") != normalise_document("cuit", "32456789")


@pytest.mark.parametrize("text", ["", None, "00000000-0000-0000-0000-000000000000", "null", "x" * 200])
def test_a_null_profile_is_no_identity(text: str | None) -> None:
    assert normalise_profile(text) is None


def test_a_customer_tells_each_identity_once() -> None:
    customer = CustomerRecord(
        external_id="c1", email="Ana@Example.com", phones=("011 15 5555-5555", "+54 9 11 5555 5555", "0000000000"),
        document_type="DNI", document="32.456.789", corporate_document="30-71234567-1", profile_id="AB-12",
    )  # fmt: skip
    assert identities_of(customer, "AR") == [
        ("document", "cuit:30712345671"), ("document", "dni:32456789"), ("email", "ana@example.com"),
        ("phone", "+5491155555555"), ("profile", "ab-12"),
    ]  # fmt: skip


def test_an_order_tells_its_buyers_identities() -> None:
    order = OrderRecord(external_id="o1", buyer=Buyer(email="b@ct.vtex.com.br", phone="+5491155555555"))
    assert identities_of(order, "AR") == [("phone", "+5491155555555")]
    assert identities_of(OrderRecord(external_id="o2"), "AR") == []


def test_a_deleted_customer_tells_none() -> None:
    assert identities_of(CustomerRecord(external_id="c1", is_deleted=True, email="ana@example.com"), "AR") == []


@given(st.text(max_size=60))
def test_normal_forms_are_total_and_normalise_to_themselves(text: str) -> None:
    email = normalise_email(text)
    assert email is None or normalise_email(email) == email
    phone = normalise_phone(text, "AR")
    assert phone is None or normalise_phone(phone, "BR") == phone
    document = normalise_document("DNI", text)
    if document is not None:
        kind, _, value = document.partition(":")
        assert normalise_document(kind, value) == document
    normalise_profile(text)


@given(st.emails())
def test_case_and_blanks_do_not_change_an_emails_form(email: str) -> None:
    assert normalise_email(f"  {email.upper()}\n") == normalise_email(email)
