"""Everything that `scripts/up` and the tests start: embedded servers, our processes, and who watches them."""
