/*
 * Shows a sentence instead of a blank page in browsers that cannot run the live pages. A classic script in ECMAScript 5:
 * those browsers run no modules, or stop at their syntax. It marks the document before anything is drawn; base.css then
 * shows the sentence in place of the page.
 *
 * color-mix() is the youngest thing that the pages cannot do without (Safari 16.2, Chrome 111, Firefox 113): the circle is
 * painted with it. Modules, dialogs, private members and the units of a phone's view are all older.
 */
(function () {
  var css = window.CSS;
  if (!css || !css.supports || !css.supports("color", "color-mix(in srgb, red, blue)")) {
    document.documentElement.className += " old-browser";
  }
})();
