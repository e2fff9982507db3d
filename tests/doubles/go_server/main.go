// A Modbus TCP Security server on Go's own TLS: answers reads with zeros and echoes single writes, and says whose
// certificate it saw, over which version, and whether the session was resumed.
//
//	main ADDRESS ROOTS CHAIN KEY VERSION
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	address, roots, chain, key, version := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(roots)))
	number := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[version]
	listener := must(tls.Listen("tcp", address, &tls.Config{
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(chain, key))},
		MinVersion:   number,
		MaxVersion:   number,
	}))
	fmt.Println("listening", listener.Addr())
	for {
		go serve(must(listener.Accept()).(*tls.Conn))
	}
}

func serve(connection *tls.Conn) {
	defer connection.Close()
	if err := connection.Handshake(); err != nil {
		fmt.Println("refused", err)
		return
	}
	state := connection.ConnectionState()
	fmt.Printf("client %s, version %04x, resumed %t\n", state.PeerCertificates[0].Subject, state.Version, state.DidResume)
	for answer(connection) == nil {
	}
}

func answer(connection net.Conn) error {
	header := make([]byte, 7)
	if _, err := io.ReadFull(connection, header); err != nil {
		return err
	}
	pdu := make([]byte, binary.BigEndian.Uint16(header[4:6])-1)
	if _, err := io.ReadFull(connection, pdu); err != nil {
		return err
	}
	if pdu[0] == 3 {
		size := 2 * binary.BigEndian.Uint16(pdu[3:5])
		pdu = append([]byte{3, byte(size)}, make([]byte, size)...)
	}
	binary.BigEndian.PutUint16(header[4:6], uint16(len(pdu)+1))
	_, err := connection.Write(append(header, pdu...))
	return err
}
