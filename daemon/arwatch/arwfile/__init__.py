"""What is stored in an ARW file: its tables, its bytes, its code; and how such a file is written."""
