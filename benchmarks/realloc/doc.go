// Package realloc measures what every doubling of a large buffer costs: page
// tables that move beside bytes that are copied.
package realloc
