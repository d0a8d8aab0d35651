"""Every command of ``fridge``: its name, where it stands, and the first sentence of its help.

One line each, so that ``fridge --help`` and completion import no command. A test compares the sentences with the help
of the commands.
"""

from __future__ import annotations

from fridge_pipeline.cli.command_groups import Entry, Section

DAILY = (
    Entry("up", "up:up", "Run everything on this machine until Ctrl-C."),
    Entry("ui", "up:ui", "Show the Dagster UI of this installation until Ctrl-C."),
    Entry("console", "console:console", "Serve the pages of finance until Ctrl-C."),
    Entry("demo", "demo:demo", "Bill two days of real readings to the Stripe sandbox, and show them."),
    Entry("bill", "bill_command:bill", "Load, count and bill every hour from KEY to KEY, both included."),
    Entry("shadow", "shadow:shadow", "Compare what we count with what another system sent to Stripe."),
    Entry("hours", "list_commands:hours", "List the hours with what came, what Stripe accepted and what waits."),
    Entry("exceptions", "list_commands:exceptions", "List the open exceptions, the nearest deadline first."),
    Entry("explain", "explain:explain", "Say why TENANT's number in HOUR is what it is."),
    Entry("withdraw", "corrections:withdraw", "Take the landing FILE out of usage."),
    Entry("release", "corrections:release", "Release TENANT's usage in HOUR that is held for review."),
    Entry("settle", "corrections:settle", "End each EXCEPTION by a decision that stays on record."),
    Entry("variance", "variance:variance", "Say what is done about usage far above its tenant's history."),
    Entry("drop-readings", "drop_readings:drop_readings", "Drop whole months of readings that need not be kept."),
    Entry("tenants", "tenants:tenants", "The tenants and the Stripe customers they are billed as."),
    Entry("link", "console:link", "Print an address that shows TENANT its own usage, and nothing else."),
    Entry("sources", "sources:sources", "How gateways' files are read: the sources of FRIDGE_SOURCES."),
    Entry("sensors", "tenants:sensors", "The sensor register: which sensor belongs to which tenant."),
)

MONTHLY = (
    Entry("people", "people:people", "The people who act, each with a login and with roles."),
    Entry("reconcile", "reconcile_command:reconcile", "Compare usage and ledger with Stripe's own sums."),
    Entry("invoices", "invoices:invoices", "Show Stripe's invoices, what differs from usage, and why."),
    Entry("correct", "correct:correct", "Propose or approve documents that correct invoices."),
    Entry("close", "month:close", "Prepare MONTH for closing."),
    Entry("approve", "month:approve", "Approve MONTH, which another person has prepared, and so close it."),
    Entry("reopen", "month:reopen", "Reopen the closed MONTH; this needs two people."),
    Entry("report", "report:report", "Write a report of MONTH (UTC), as a page and a workbook."),
    Entry("recount", "recount:recount", "Read the landing files of MONTH again, and compare them with the books."),
    Entry("backtest", "backtest:backtest", "Count the hours from KEY to KEY again with this code."),
)

EVIDENCE = (
    Entry("evidence", "evidence:evidence", "Make the evidence pack of MONTH."),
    Entry("sign-pack", "anchor_pack:sign_pack_command", "Sign the evidence pack FILE with your own key."),
    Entry("stamp-pack", "anchor_pack:stamp_pack_command", "Have an authority stamp the time of the pack FILE."),
    Entry("verify", "verify:verify", "Check the evidence pack FILE with no database and no network."),
)

INSTALLATION = (
    Entry("serve", "serve:serve", "Run one service in the foreground."),
    Entry(
        "rehearse",
        "rehearse_command:rehearse_command",
        "Run one billing cycle on a Stripe test clock, and say what would go wrong.",
    ),
    Entry("stripe", "stripe:stripe", "The catalogue's meters in Stripe."),
    Entry("sandbox", "stripe:sandbox", "Run the local Stripe sandbox in the foreground until Ctrl-C."),
    Entry("db", "database:db", "The database: where it is, and stopping the embedded server."),
    Entry("migrate", "database:migrate", "Bring schema, SQL models and rights up to date; prints what was run."),
    Entry("doctor", "doctor:doctor", "Check this installation part by part."),
    Entry("metrics", "metrics:metrics", "Serve the signals of this installation to Prometheus until Ctrl-C."),
    Entry("env", "up:env", "Print the environment in which dagster's own commands see this installation."),
    Entry("sql", "database:sql", "Run and test the SQL models that finance reads (dbt_like_sql/)."),
)

COMMANDS = (
    Section("Day by day", DAILY),
    Section("Month by month", MONTHLY),
    Section("Evidence", EVIDENCE),
    Section("The installation", INSTALLATION),
)
