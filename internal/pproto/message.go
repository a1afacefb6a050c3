package pproto

// message is an encoded message of protocol buffers.
type message []byte

// Wire types.
const (
	wireVarint = 0
	wireBytes  = 2
)

func (m *message) varint(v uint64) {
	for v >= 0x80 {
		*m = append(*m, byte(v)|0x80)
		v >>= 7
	}
	*m = append(*m, byte(v))
}

// uint is a field that is left out when it is 0.
func (m *message) uint(field int, v uint64) {
	if v != 0 {
		m.repeated(field, v)
	}
}

// repeated is one value of a field that may have several.
func (m *message) repeated(field int, v uint64) {
	m.varint(uint64(field<<3 | wireVarint))
	m.varint(v)
}

func (m *message) bytes(field int, b []byte) {
	m.varint(uint64(field<<3 | wireBytes))
	m.varint(uint64(len(b)))
	*m = append(*m, b...)
}

func (m *message) message(field int, of message) { m.bytes(field, of) }
