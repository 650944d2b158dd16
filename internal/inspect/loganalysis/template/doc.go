// Package template finds the templates of log lines: the constant part of the lines of one log statement, with placeholders for the
// rest.
//
// The method is Drain (P. He, J. Zhu, Z. Zheng, M. R. Lyu: Drain: An Online Log Parsing Approach with Fixed Depth Tree, IEEE
// ICWS 2017): a line is split into tokens, a tree of fixed depth (number of tokens, then the first tokens) leads to a short list
// of templates, and the line joins the most similar one or becomes a new one. There are three differences from the paper. Values
// with a known format (numbers, times, addresses, ids, quoted text) are masked by hand-written scanners before the tree. Since few
// tokens of masked lines differ, similarity is stricter. And everything is bounded: the length of lines, the number of tokens, the
// branches of the tree and the templates, of which the least valuable are evicted.
package template
