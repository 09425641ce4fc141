"""What decides a job's clip, by its hash: whoever asks for the same again may have the same."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("order_hash", sa.String(64)))
    op.create_index("ix_jobs_order_hash", "jobs", ["order_hash"])


def downgrade() -> None:
    op.drop_index("ix_jobs_order_hash", "jobs")
    op.drop_column("jobs", "order_hash")
