// A Modbus TCP Security client on Go's own TLS: sends one PDU to unit 1, and prints the PDU that comes back in hex.
//
//	go run main.go ADDRESS SOURCE ROOTS CHAIN KEY VERSION PDU
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	address, source, roots, chain, key, version := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]
	pdu := must(hex.DecodeString(os.Args[7]))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(roots)))
	number := map[string]uint16{"1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[version]
	config := &tls.Config{
		RootCAs:      pool,
		Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(chain, key))},
		MinVersion:   number,
		MaxVersion:   number,
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 10 * time.Second}
	connection := must(tls.DialWithDialer(dialer, "tcp", address, config))
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	request := binary.BigEndian.AppendUint16([]byte{0, 1, 0, 0}, uint16(len(pdu)+1))
	must(connection.Write(append(append(request, 1), pdu...)))
	header := make([]byte, 7)
	must(io.ReadFull(connection, header))
	answer := make([]byte, binary.BigEndian.Uint16(header[4:6])-1)
	must(io.ReadFull(connection, answer))
	fmt.Println(hex.EncodeToString(answer))
	connection.Close()
}
