import time
from base64 import b64encode

from app.connectors.brand.mapping import map_inline
from app.core.signatures import decode_signing_secret, verify
from schemas.records import CustomerRecord
from tests.integration.sandbox.remote import Receiver, Sandbox

SECRET = "whsec_" + b64encode(b"a secret of at least 24 bytes").decode()


async def test_signed_documents_pass_the_product_s_own_check(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.put_account(sandbox.acme, inline={"url": f"{receiver.url}/inline", "secret": SECRET})
    run = await sandbox.run(events=20, mix={"inline_customers": 1}, accounts=[sandbox.acme])
    assert run["accepted"] == 20
    keys = [decode_signing_secret(SECRET)]
    for call in receiver.calls:
        headers = {name.lower(): value for name, value in call.headers.items()}
        signed_at = verify(
            keys,
            message_id=headers["webhook-id"],
            timestamp=headers["webhook-timestamp"],
            signatures=headers["webhook-signature"],
            body=call.body,
            now_s=time.time(),
            tolerance_s=300,
        )
        assert signed_at is not None
        record = map_inline(call.body)
        assert isinstance(record, CustomerRecord)
        assert record.email
        assert record.source_updated_at is not None


async def test_new_objects_only_makes_every_document_another_customer(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.put_account(sandbox.acme, inline={"url": f"{receiver.url}/inline", "secret": SECRET})
    mix = {"inline_customers": 1, "new_objects": 1, "duplicates": 0}
    await sandbox.run(events=30, mix=mix, accounts=[sandbox.acme])
    assert len({call.json["data"]["external_id"] for call in receiver.calls}) == 30
