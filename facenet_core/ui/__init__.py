"""What the Streamlit pages share. Nothing here computes a decision."""
