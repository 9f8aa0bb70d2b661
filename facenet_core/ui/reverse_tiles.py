"""Faces that a search of the reverse index found, with the pages that show them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facenet_core.reverse.records import Hit
from facenet_core.service import FaceService
from facenet_core.ui import components, login, reverse_links, reverse_pictures, reverse_remove


def grid(shared: FaceService, hits: Sequence[Hit]) -> None:
    """Faces side by side, the nearest first."""
    manager = login.may("manage")
    with st.grid("auto", min_column_width=210, gap="medium"):
        for hit in hits:
            with st.container(gap="xsmall"):
                _tile(shared, hit, manager)


def _tile(shared: FaceService, hit: Hit, manager: bool) -> None:
    page, *others = hit.pages
    title = reverse_links.title(page)
    reverse_pictures.boxed(shared, hit, f"{title}, with the face boxed")
    rare = f" · {str(hit.one_in).removeprefix('about ')}" if hit.one_in else ""
    st.markdown(f"**{hit.score:.0f} %** :small[· distance {hit.distance:.2f}{rare}]")
    st.caption(f"**{components.plain(title)}**  \n{reverse_links.credit(page)}")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if address := reverse_links.web(page.page_url):
            st.link_button(
                "Open page", address, icon=":material/open_in_new:", type="tertiary", help=components.plain(address)
            )
        if manager:
            reverse_remove.button(hit)
        if others:
            with st.popover(f"Also on {components.count(len(others), 'page')}", type="tertiary"):
                st.markdown("The same picture, saved again or in another size:")
                st.markdown(
                    "\n".join(
                        f"- {reverse_links.linked(reverse_links.title(each), each.page_url)}  \n"
                        f"  {reverse_links.credit(each)}"
                        for each in others
                    )
                )
