// The series of a figure, switched on and off. A picture hides those that its address names: figure.svg#off-0-2.
document.addEventListener("DOMContentLoaded", () => {
  for (const figure of document.querySelectorAll("figure.drawn:has(.series)")) {
    const boxes = [...figure.querySelectorAll(".series input")];
    const show = () => {
      const off = boxes.flatMap((box, i) => (box.checked ? [] : [i]));
      const end = off.length ? `#off-${off.join("-")}` : "";
      for (const picture of figure.querySelectorAll("picture > *")) {
        const name = picture.localName === "source" ? "srcset" : "src";
        picture.setAttribute(name, picture.getAttribute(name).split("#")[0] + end);
      }
    };
    boxes.forEach((box) => box.addEventListener("change", show));
    figure.querySelector(".series").hidden = false;
  }
});
