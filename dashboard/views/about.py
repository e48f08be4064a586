"""The About page: what consistency is, why it matters, how systems are built with it, and what the numbers mean."""

from __future__ import annotations

import streamlit as st

from dashboard.components.drawing import drawing
from dashboard.site import Site
from dashboard.views.parts.bar import SENTENCE

PAPER = "https://arxiv.org/abs/2006.04096"
CODE = "https://github.com/EPFL-VILAB/XTConsistency"
PROJECT_PAGE = "https://consistency.epfl.ch"
BIBTEX = """\
@inproceedings{zamir2020consistency,
  title     = {Robust Learning Through Cross-Task Consistency},
  author    = {Zamir, Amir and Sax, Alexander and Yeo, Teresa and Kar, O{\\u{g}}uzhan and Cheerla, Nikhil and
               Suri, Rohan and Cao, Zhangjie and Malik, Jitendra and Guibas, Leonidas},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2020}
}"""

WHAT = """
A network that predicts depth and one that predicts surface normals look at the same room. If the depth says *flat wall* and
the normals say *edge*, at least one of them is wrong, and no ground truth is needed to know it: the two predictions
contradict each other. Predictions are **consistent** if it does not matter which way they were made: the normals read
directly from the image equal the normals computed from the predicted depth.
"""
WHY = """
- One image shows one scene. Predictions that contradict each other cannot all describe it.
- A constraint between domains is information that the labels of one domain do not hold. In the paper, networks
  trained with it generalise better and keep more fine detail.
- The contradiction can be measured on any image, also where nobody knows the truth. That is the energy on this page.
"""
HOW = """
Every domain is a node, every network from one domain to another an edge. Then two paths with the same ends should
arrive at the same prediction.

- **Multi-task.** Several outputs of one input, by a shared encoder or separately. Nothing ties the outputs together.
- **Triangle.** One edge more: what was predicted first is translated into the second domain and compared there. The smallest
  loop, and enough to train a single network better.
- **Larger graph.** Triangles that share domains. A prediction answers to all its neighbours.
- **Arbitrary paths.** Whatever leads from the same start to the same end is compared, however long. The rule between two
  domains is learned from data: nobody has to write down that normals are the slope of depth.

The same disagreement, taken together over the paths once the networks are trained, is the **consistency energy**: a
confidence signal without truth. The paper takes the mean; where a zoo has weights, as `mini` does, the energy on the page is
weighted: paths that foretell the error count more. *All paths* on the Compare page shows its parts as pictures.
"""
WHO = """
Also those who need one task only: train image → normals with image → normals → something else as a second loss. The second domain
may be one that needs no labels, such as 2D edges. And whoever runs such networks on material without truth: the energy
tells frames apart that deserve a look.
"""
NUMBERS = """
| On the page | Meaning |
|---|---|
| **energy, σ** | How far the paths disagree in a frame, each path measured in standard deviations around the mean of the *baseline* on validation images of the zoo, and counted by its weight where the zoo has weights, else alike. All methods share these constants |
| **0** | As on validation images. Below: the paths agree more than usual. Above: less |
| **above the upper line** | Above 97.5 % of the zoo's validation images; where that was not measured, above 3 σ. The clip is unlike what the zoo was calibrated on; the networks are outside what they know |
| **raw** | The plain mean of the disagreements, without constants; only good within one set of paths |
| **noise floor** | The gap of two means that chance alone explains: below it nobody wins |
| **error** | The distance from the ground truth, where a clip has one: degrees for normals, relative for depth |
| **readout** | A prediction made from a prediction; it makes flaws of the first visible |
"""
NOT = """
- **That a prediction is right.** Paths can agree on the same mistake: a network that always answers *flat grey wall* is very consistent.
- **Which of two methods is better.** The energy ranks frames of one method. Between methods it can mislead, above all where they
  share an encoder. Where truth is known, read the error.
- **What is wrong in a pixel.** It says that two paths disagree there, not which of them is wrong.
- **Anything about a single small gap.** Compare it with the noise floor first.
"""


def page(site: Site) -> None:
    """Show the page."""
    with st.container(key="about-page"):
        st.title("About Crosscheck", anchor=False)
        st.markdown(SENTENCE)
        if "models" in site.pages:
            st.page_link(site.pages["models"], label="The networks: Models")
        _section("What is consistency?", "two_paths", WHAT)
        _section("Why does it matter?", "", WHY)
        _section("How are systems designed with it?", "multi_task triangle larger_graph arbitrary_paths", HOW)
        _section("Who can use it?", "", WHO)
        _section("What do the numbers mean?", "energy_scale", NUMBERS)
        _section("What the energy cannot say", "", NOT)
        st.header("Sources", anchor=False)
        st.markdown(
            f"Crosscheck builds on *Robust Learning Through Cross-Task Consistency* (Zamir et al., CVPR 2020): "
            f"[paper]({PAPER}) · [code and weights]({CODE}) · [project page]({PROJECT_PAGE}). It is a program of its own, "
            f"written by the Crosscheck maintainers. To cite the paper:"
        )
        st.code(BIBTEX, language=None, wrap_lines=True)


def _section(title: str, drawings: str, text: str) -> None:
    st.header(title, anchor=False)
    if drawings:
        with st.container(horizontal=True, gap="small"):
            for name in drawings.split():
                drawing(name, key=f"drawing-{name}")
    st.markdown(text)
