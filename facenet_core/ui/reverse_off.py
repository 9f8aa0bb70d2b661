"""What reverse search is, what the law may ask before it is turned on, and how to turn it on."""

from __future__ import annotations

import streamlit as st

from facenet_core.config import Settings

AI_ACT = "https://eur-lex.europa.eu/eli/reg/2024/1689/oj"
GDPR = "https://eur-lex.europa.eu/eli/reg/2016/679/oj"
BIPA = "https://ilga.gov/legislation/ilcs/fulltext?DocName=074000140K15"
CC_BY = "https://creativecommons.org/licenses/by/4.0/legalcode"

LAWS = (
    (
        "European Union: AI Act, Art. 5(1)(e)",
        ":material/gavel:",
        "Prohibited since 2 February 2025: to use AI systems that create or expand face recognition databases through "
        "the untargeted scraping of facial images from the internet or CCTV. A crawl for whatever faces a word brings "
        f"may well be that. [Regulation (EU) 2024/1689]({AI_ACT})",
    ),
    (
        "European Union: GDPR, Art. 9",
        ":material/fingerprint:",
        "Faces that are measured in order to identify people are biometric data, a special category. To process them "
        "is prohibited without an exception of Art. 9(2), such as the explicit consent of everybody in the pictures. "
        f"That a picture is public is not that. [Regulation (EU) 2016/679]({GDPR})",
    ),
    (
        "Illinois: BIPA, 740 ILCS 14",
        ":material/edit_document:",
        "Before face geometry is collected: a public, written policy on how long it is kept, written notice to each "
        f"person, and their written release. People can sue. [Section 15]({BIPA})",
    ),
    (
        "A licence is not consent",
        ":material/copyright:",
        "*CC BY* and the like are the photographer's word about copyright. Whoever is in the picture gave none: "
        f"privacy and personality rights are expressly not licensed. [CC BY 4.0, section 2(b)]({CC_BY})",
    ),
)


def explained(settings: Settings) -> None:
    """Everything to know before it is turned on."""
    st.info("Reverse search is turned off. Read this before you turn it on.", icon=":material/toggle_off:")
    st.markdown(
        "It fetches pictures from public sources, finds the faces on them and keeps what the model makes of each. Then "
        "a photo of somebody leads to the pages that show people who look like them: for finding where your own "
        "pictures went, or those of somebody who asked you to."
    )
    st.subheader("What the law may ask of you", anchor=False)
    st.markdown("A database of faces is something else than a folder of pictures. It depends on where you live:")
    with st.grid("auto", min_column_width=300):
        for name, icon, text in LAWS:
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.markdown(f"{icon} **{name}**")
                st.markdown(f":small[{text}]")
    st.caption(
        ":material/info: Other places have laws of their own, such as the United Kingdom, Texas and Washington. "
        "docs/reverse.md says more. None of this is legal advice: ask somebody who may give it."
    )
    st.subheader("What this program does about it", anchor=False)
    st.markdown(
        "- **Sources with a licence field alone**, or your own list: no picture whose "
        "licence its source does not name.\n"
        "- **Thumbnails alone** are kept, unless you ask for the originals.\n"
        f"- **Retention**: everything is dropped {settings.reverse_days} days after it was "
        "fetched (`FACENET_REVERSE_DAYS`).\n"
        "- **A removal list**: a page, a site or a person goes at once, and is not taken in again.\n"
        "- **Events**: who searched, and when, is kept beside the other events.\n\n"
        "That makes nothing lawful by itself."
    )
    st.subheader("How to turn it on", anchor=False)
    st.markdown(
        "In the environment, or in a `.env` file beside app.py; then start the app again. The contact is sent with "
        "every request, so that those whose sites are fetched from can reach you."
    )
    contact = settings.contact or "you@example.org"
    st.code(f"FACENET_REVERSE=true\nFACENET_CONTACT={contact}", language="bash", wrap_lines=True)
