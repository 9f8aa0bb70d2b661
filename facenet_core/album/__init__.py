"""Albums: folders of unlabelled photos, searched for a person and grouped into people."""
