// Package loganalysis reads the lines of a log backend once, finds the error templates of each workload, and determines which of them
// are new or surge compared with a baseline. docs/log-analysis.md describes the method and its limits.
//
// Settings bound the cost, whatever the size of the cluster: the number of queries depends on the maximum number of lines, and memory
// on the maximum number of templates.
package loganalysis
