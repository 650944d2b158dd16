// Package template finds the templates of log lines: the constant part of the lines of one log statement, with placeholders for the
// rest.
//
// The method is based on Drain (P. He, J. Zhu, Z. Zheng, M. R. Lyu: Drain: An Online Log Parsing Approach with Fixed Depth Tree, IEEE
// ICWS 2017): a line is split into tokens, which lead to a short list of templates, and the line joins the most similar one or becomes
// a new one. There are five differences from the paper. The header of a line is not compared, except for its level. Values with a known
// format (numbers, times, addresses, ids, quoted text) are masked by hand-written scanners before. Lines that differ in a word join
// only if several words were seen in its place: otherwise they are two statements. Lists are by the first and by the last token, so
// that they contain each template that differs in one. And everything is bounded: the length of lines, the number of tokens, the lists
// and the templates, of which the least valuable are evicted.
package template
