package bolt

import (
	"encoding/binary"
	"sort"
)

// pageSize is the size of a page of a [Store], and of bbolt's where the system's
// pages are as long.
const pageSize = 4096

// ValueMax is the longest value. Two of them, and what is beside them, fit a page
// in whatever way it is split.
const ValueMax = 1000

// pageID is the number of a page in the arena: its offset divided by pageSize.
// Page 0 is never used, so that 0 is no page.
type pageID uint32

// page is the bytes of one page:
//
//	0   uint16  kind
//	2   uint16  n, the number of entries
//	4   uint16  low, where the values of a leaf begin: they fill it from its end
//	8   n entries of 12 bytes, by ascending key
//
//	leaf    key uint64, where the value is uint16, its length uint16
//	branch  key uint64, child uint32
//
// The key of a branch's entry is no greater than any in the child, and greater than
// all in the child before; where the tree begins it is 0.
type page []byte

const (
	leaf   = 1
	branch = 2

	headerSize = 8
	entrySize  = 12
)

var le = binary.LittleEndian

func (p page) kind() int { return int(le.Uint16(p[0:])) }
func (p page) n() int    { return int(le.Uint16(p[2:])) }
func (p page) low() int  { return int(le.Uint16(p[4:])) }

// init makes p an empty page of a kind.
func (p page) init(kind int) {
	le.PutUint16(p[0:], uint16(kind))
	le.PutUint16(p[2:], 0)
	le.PutUint16(p[4:], pageSize)
}

func (p page) entry(i int) []byte { return p[headerSize+i*entrySize:][:entrySize] }
func (p page) key(i int) uint64   { return le.Uint64(p.entry(i)) }

// value returns the value of a leaf's entry i, with no spare capacity.
func (p page) value(i int) []byte {
	e := p.entry(i)
	at, n := int(le.Uint16(e[8:])), int(le.Uint16(e[10:]))
	return p[at : at+n : at+n]
}

// child returns the child of a branch's entry i.
func (p page) child(i int) pageID { return pageID(le.Uint32(p.entry(i)[8:])) }

func (p page) setChild(i int, id pageID) { le.PutUint32(p.entry(i)[8:], uint32(id)) }

// find returns the first entry whose key is not below key, and whether it is key.
func (p page) find(key uint64) (i int, found bool) {
	n := p.n()
	i = sort.Search(n, func(i int) bool { return p.key(i) >= key })
	return i, i < n && p.key(i) == key
}

// descend returns the entry of a branch under which key is.
func (p page) descend(key uint64) int {
	i, found := p.find(key)
	if !found {
		i--
	}
	return i
}

// room returns the bytes that are left between the entries and the values.
func (p page) room() int { return p.low() - headerSize - p.n()*entrySize }

// insert makes room for an entry at i and returns it.
func (p page) insert(i int, key uint64) []byte {
	n := p.n()
	copy(p[headerSize+(i+1)*entrySize:], p[headerSize+i*entrySize:headerSize+n*entrySize])
	le.PutUint16(p[2:], uint16(n+1))
	e := p.entry(i)
	le.PutUint64(e, key)
	return e
}

// insertChild puts a child at entry i of a branch and reports whether there was
// room.
func (p page) insertChild(i int, key uint64, id pageID) bool {
	if p.room() < entrySize {
		return false
	}
	le.PutUint32(p.insert(i, key)[8:], uint32(id))
	return true
}

// put sets key to value in a leaf and reports whether there was room. What a
// longer or shorter value replaces is lost until the page is written anew.
func (p page) put(key uint64, value []byte) bool {
	i, found := p.find(key)
	if found && len(p.value(i)) == len(value) {
		copy(p.value(i), value)
		return true
	}
	need := len(value)
	if !found {
		need += entrySize
	}
	if p.room() < need {
		return false
	}
	low := p.low() - len(value)
	copy(p[low:], value)
	le.PutUint16(p[4:], uint16(low))
	var e []byte
	if found {
		e = p.entry(i)
	} else {
		e = p.insert(i, key)
	}
	le.PutUint16(e[8:], uint16(low))
	le.PutUint16(e[10:], uint16(len(value)))
	return true
}

// append adds entry i of q, whose key is greater than all of p's.
func (p page) append(q page, i int) {
	if q.kind() == leaf {
		p.put(q.key(i), q.value(i))
		return
	}
	p.insertChild(p.n(), q.key(i), q.child(i))
}

// bytes returns how many bytes entry i takes.
func (p page) bytes(i int) int {
	if p.kind() == leaf {
		return entrySize + len(p.value(i))
	}
	return entrySize
}

// rewrite writes p's entries to q, without what p has lost.
func (p page) rewrite(q page) {
	q.init(p.kind())
	for i := range p.n() {
		q.append(p, i)
	}
}

// split writes the first half of p's bytes to left and the rest to right. A page
// that has no room for one more entry, and has lost nothing, gives two that have,
// neither of them empty.
func (p page) split(left, right page) {
	left.init(p.kind())
	right.init(p.kind())
	sum := 0
	for i := range p.n() {
		sum += p.bytes(i)
	}
	half := 0
	for i := range p.n() {
		if half < sum/2 {
			half += p.bytes(i)
			left.append(p, i)
		} else {
			right.append(p, i)
		}
	}
}
