"""Which tenants metrics name: METRIC_TENANTS_MAX of them in a process, `other` for the rest.

Every value of a label is a series that Prometheus keeps, so labels are bounded. A counter must go on under the name
under which it began: the first tenants that a process meets keep theirs until its end. Tenant 0 is nobody's.
"""

OTHER = "other"


class TenantNames:
    """`tenants_max`: set by whoever composes a process, before its first call."""

    def __init__(self, tenants_max: int) -> None:
        self.tenants_max = tenants_max
        self._known: dict[int, str] = {}

    def get(self, tenant_id: int) -> str:
        """The label of a tenant."""
        name = self._known.get(tenant_id)
        if name is None:
            if tenant_id and len(self._known) >= self.tenants_max:
                return OTHER
            name = str(tenant_id)
            if tenant_id:
                self._known[tenant_id] = name
        return name


TENANT_NAMES = TenantNames(100)
