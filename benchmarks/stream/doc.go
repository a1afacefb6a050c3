// Package stream appends to tables and feeds that others read at once, and to tables that keep
// their last rows only, the way column stores, logs and servers do.
package stream
