"""Lottery tickets: searched for with their controls, trained elsewhere, and looked at."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.procedures.tickets.anatomy import ticket_anatomy
    from surfeit.procedures.tickets.catalog import CONTROLS
    from surfeit.procedures.tickets.config import TicketConfig
    from surfeit.procedures.tickets.find import find_tickets
    from surfeit.procedures.tickets.published import PUBLISHED, published
    from surfeit.procedures.tickets.table import complete, failures
    from surfeit.procedures.tickets.transfer import transfer_tickets

__all__ = [
    "CONTROLS",
    "PUBLISHED",
    "TicketConfig",
    "complete",
    "failures",
    "find_tickets",
    "published",
    "ticket_anatomy",
    "transfer_tickets",
]

lazy_front(__name__)
