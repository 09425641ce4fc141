"""Jobs, and the services that hold them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(38), nullable=False, unique=True),
        sa.Column("owner", sa.String(255), nullable=False, index=True),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("idempotency_key", sa.String(255), unique=True),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Integer),
        sa.Column("finished_at", sa.Integer),
        sa.Column("artifact", sa.String(40)),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
    )
    op.create_table(
        "services",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("seen_at", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("services")
    op.drop_table("jobs")
