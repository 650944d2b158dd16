// Package template finds the templates of log lines: what is the same in lines that one statement of a program wrote, with marks
// where they differ.
//
// The method is Drain (P. He, J. Zhu, Z. Zheng, M. R. Lyu: Drain: An Online Log Parsing Approach with Fixed Depth Tree, IEEE
// ICWS 2017): a line is cut into tokens, a tree of fixed depth (number of tokens, then the first tokens) leads to a short list of
// templates, and the line joins the most similar one or becomes one of its own. Three things differ from the paper. What is
// variable by its form (numbers, times, addresses, ids, quoted text) is masked by hand-written scanners before the tree, so that
// few tokens are left to differ. Since of masked lines few tokens may differ, similarity is stricter. And everything is bounded:
// the length of lines, the number of tokens, the branches of the tree and the templates, of which the least valuable are given up.
package template
