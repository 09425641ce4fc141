"""What is measured on clips and adapters: one module per metric."""
