package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// KeySize is the length of the key that encrypts secrets at rest, in bytes.
const KeySize = 32

// ErrSealed is returned for a secret that does not open: another key, or changed bytes.
var ErrSealed = errors.New("secret cannot be decrypted: it was sealed with another secret.key, or it is damaged")

// box seals small secrets with AES-256-GCM. The associated data names the place of a secret, so that a sealed
// value copied to another row does not open there. Sealed form: version byte, 12-byte nonce, ciphertext, tag.
type box struct{ aead cipher.AEAD }

const boxVersion = 1

func newBox(key []byte) (*box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("encryption key has %d bytes instead of %d: pass what LoadOrCreateKey returned", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &box{aead: aead}, nil
}

func (b *box) seal(plain []byte, place string) []byte {
	nonce := make([]byte, b.aead.NonceSize())
	rand.Read(nonce) // never fails: the program ends when the system has no randomness
	sealed := append([]byte{boxVersion}, nonce...)
	return b.aead.Seal(sealed, nonce, plain, []byte(place))
}

func (b *box) open(sealed []byte, place string) ([]byte, error) {
	head := 1 + b.aead.NonceSize()
	if len(sealed) < head || sealed[0] != boxVersion {
		return nil, ErrSealed
	}
	plain, err := b.aead.Open(nil, sealed[1:head], sealed[head:], []byte(place))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
