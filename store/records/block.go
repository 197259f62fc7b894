package records

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A block's data, as the blocks table holds it:
//
//	version (1 byte), then as uvarints the records and the lengths of random, nums, texts and bodies,
//	fixed, random, one zstd frame of nums + texts + bodies, CRC-32C of all before (4 bytes, little endian)
const (
	blockVersion = 1
	sumSize      = 4
	// Measured, see docs/recording.md.
	blockLevel = zstd.SpeedFastest
	encoders   = 4
	// Bounds on what a block may claim, far above what is written; see raw.full.
	maxClaimed = 1 << 16
	maxStreams = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// codec compresses; it may be used by many goroutines.
type codec struct {
	enc    *zstd.Encoder
	dec    *zstd.Decoder
	capped *zstd.Decoder // never writes more than it is given room for
	room   sync.Pool     // *[]byte of up to about blockBytes
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(blockLevel), zstd.WithEncoderConcurrency(encoders), zstd.WithEncoderCRC(false), zstd.WithWindowSize(blockBytes))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxStreams))
	if err != nil {
		return nil, err
	}
	capped, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxStreams), zstd.WithDecodeAllCapLimit(true))
	return &codec{enc: enc, dec: dec, capped: capped}, err
}

// pack returns a compressed body when that saves an eighth or more.
func (c *codec) pack(body []byte) ([]byte, bool) {
	if packedAlready(body) {
		return nil, false
	}
	packed := c.enc.EncodeAll(body, make([]byte, 0, len(body)))
	return packed, len(packed) <= len(body)-len(body)/8
}

func (c *codec) unpack(packed []byte) ([]byte, error) { return c.dec.DecodeAll(packed, nil) }

func (c *codec) close() {
	c.dec.Close()
	c.capped.Close()
}

// packedBlock is a block's data but for the tags of its records, which are known when the records before it are.
type packedBlock struct {
	data  []byte
	fixed int // where fixed begins
}

// packBlock compresses a raw.
func (c *codec) packBlock(b *raw) packedBlock {
	room, _ := c.room.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	defer c.room.Put(room)
	shrinking := append(append(append((*room)[:0], b.nums...), b.texts...), b.bodies...)
	*room = shrinking
	data := make([]byte, 0, 64+len(b.fixed)+len(b.random)+len(shrinking)/3)
	data = append(data, blockVersion)
	for _, n := range []int{b.n, len(b.random), len(b.nums), len(b.texts), len(b.bodies)} {
		data = binary.AppendUvarint(data, uint64(n))
	}
	p := packedBlock{fixed: len(data)}
	data = append(append(data, b.fixed...), b.random...)
	p.data = c.enc.EncodeAll(shrinking, data)
	return p
}

// seal sets the tags and adds the checksum.
func (p packedBlock) seal(fixed []byte) []byte {
	copy(p.data[p.fixed:], fixed)
	return binary.LittleEndian.AppendUint32(p.data, crc32.Checksum(p.data, castagnoli))
}

// unpackBlock reads a block's data back. What packBlock did not write is ErrCorrupt.
func (c *codec) unpackBlock(data []byte) (*raw, error) {
	if len(data) < 1+sumSize || crc32.Checksum(data[:len(data)-sumSize], castagnoli) != binary.LittleEndian.Uint32(data[len(data)-sumSize:]) {
		return nil, fmt.Errorf("%w: a block does not match its checksum", ErrCorrupt)
	}
	return c.unpackChecked(data[:len(data)-sumSize])
}

func (c *codec) unpackChecked(data []byte) (*raw, error) {
	if data[0] != blockVersion {
		return nil, fmt.Errorf("%w: a block has version %d", ErrCorrupt, data[0])
	}
	data = data[1:]
	var claims [5]int
	for i := range claims {
		n, size := binary.Uvarint(data)
		if size <= 0 || n > maxStreams {
			return nil, fmt.Errorf("%w: a block's head is cut short or too large", ErrCorrupt)
		}
		claims[i], data = int(n), data[size:]
	}
	b := &raw{n: claims[0]}
	plain := claims[2] + claims[3] + claims[4]
	if b.n > maxClaimed || b.n*fixedSize+claims[1] > len(data) || plain > maxStreams {
		return nil, fmt.Errorf("%w: a block claims more than it holds", ErrCorrupt)
	}
	b.fixed, data = data[:b.n*fixedSize], data[b.n*fixedSize:]
	b.random, data = data[:claims[1]], data[claims[1]:]
	streams, err := c.unpackStreams(data, plain)
	if err != nil {
		return nil, err
	}
	b.nums, b.texts, b.bodies = streams[:claims[2]], streams[claims[2]:claims[2]+claims[3]], streams[claims[2]+claims[3]:]
	return b, nil
}

// unpackStreams decompresses at most the bytes claimed, and trusts neither the claim nor the frame for the memory.
func (c *codec) unpackStreams(frame []byte, plain int) ([]byte, error) {
	if plain > 4*blockBytes+len(frame)<<14 {
		return nil, fmt.Errorf("%w: a block cannot hold the %d bytes it claims", ErrCorrupt, plain)
	}
	streams, err := c.capped.DecodeAll(frame, make([]byte, 0, plain))
	if err != nil || len(streams) != plain {
		return nil, fmt.Errorf("%w: a block does not decompress: %v", ErrCorrupt, err)
	}
	return streams, nil
}
