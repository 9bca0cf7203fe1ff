"""Training and pruning together: tickets, supermasks."""

from surfeit.procedures.controls import CONTROLS
from surfeit.procedures.halves import halves
from surfeit.procedures.ticket_config import TicketConfig
from surfeit.procedures.tickets import failures, find_tickets
from surfeit.procedures.transfer import transfer_tickets

__all__ = [
    "CONTROLS",
    "TicketConfig",
    "failures",
    "find_tickets",
    "halves",
    "transfer_tickets",
]
