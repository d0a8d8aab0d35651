"""What attackers try: injection, bombs, and the search for secrets; see docs/security.md."""
