"""How far a job is, for those who ask another process than the one that makes it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("steps_done", sa.Integer))
    op.add_column("jobs", sa.Column("steps", sa.Integer))


def downgrade() -> None:
    op.drop_column("jobs", "steps")
    op.drop_column("jobs", "steps_done")
