// Package bundle applies sets of objects to a cluster by server-side apply, as one field manager, and keeps an inventory of them.
//
//	Decode -> Resolve (kinds of the cluster) -> inventory: old and new -> apply in stages -> prune -> inventory: what is left
//
// Everything is decided by dry runs without force: what is unchanged is not written, a field that another manager owns is a conflict unless
// the last apply contained it, which is drift. Force is used for single fields only: those that are left to others are removed from the
// request first. A crash at any point leaves an inventory with at least the objects that exist, and an object is deleted only if
// it has the UID of the inventory and the field manager of the bundle.
//
// Package apply is the simpler engine for the manager's own objects, which are few and stop at the first problem.
package bundle
