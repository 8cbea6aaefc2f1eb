"""Job types that are given secrets and do with them what processors should not."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr

from jobsapp.processors.sdk import Context, Input, Processor, RetryPolicy


class Login(Input):
    user: str
    password: SecretStr


class Gossip(Processor):
    """Tells its secrets wherever it can."""

    type = "gossip"
    title = "Gossip"
    retry = RetryPolicy(attempts=2, first=0.0)

    class Input(Input):
        token: SecretStr
        """A key."""
        tables: dict[str, SecretStr] = Field({})
        logins: list[Login] = Field([])
        spare: SecretStr | None = None
        fail: bool = False

    def run(self, data: Any, context: Context) -> Any:
        token = data.token.get_secret_value()
        before = context.last_checkpoint
        context.log(f"the token is {token}")
        context.progress(1, 2, f"trying {token}")
        context.metric(f"of {token}", 1.0)
        context.checkpoint({"next": f"?token={token}"})
        if data.fail:
            raise RuntimeError(f"{token} was refused")
        if before is None and context.attempt == 1:
            raise ValueError(token)
        secrets = [one.get_secret_value() for one in data.tables.values()]
        secrets += [one.password.get_secret_value() for one in data.logins]
        return {"knows": len(secrets), "said": [token, *secrets], "before": before == {"next": f"?token={token}"}}
