// Package loganalysis reads the lines of a log back end once, finds the templates of the errors of each workload, and tells which
// of them are new or surge against the time before. docs/log-analysis.md describes the method and its limits.
//
// What it costs is bounded by settings, never by the cluster: the number of queries grows with the lines that may be read, and
// memory with the templates that are kept.
package loganalysis
