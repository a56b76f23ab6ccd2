// Package app is the house: the only place where the rooms meet. It builds them from settings, connects
// them, opens the doors and closes them in order.
package app
