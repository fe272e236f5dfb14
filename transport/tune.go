package transport

import (
	"net"
	"time"
)

// keepAlive lets the operating system find dead peers: servers soon, because
// their links stand for routes, and clients seldom, because a probe wakes a
// phone's radio. Nagle's algorithm needs no switching off: package net does.
func keepAlive(nc net.Conn, role Role) {
	c := net.KeepAliveConfig{Enable: true, Idle: 4 * time.Minute, Interval: 20 * time.Second, Count: 4}
	if role == RoleServer {
		c = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}
	}
	if tc := tcpOf(nc); tc != nil {
		_ = tc.SetKeepAliveConfig(c)
		if role == RoleServer {
			tunePeer(tc)
		}
	}
}

// clientSendBuffer is how many octets the kernel takes for a client that does
// not read; without it it would take megabytes.
const clientSendBuffer = 64 << 10

func boundSendBuffer(nc net.Conn) {
	if tc := tcpOf(nc); tc != nil {
		_ = tc.SetWriteBuffer(clientSendBuffer)
	}
}

// tcpOf returns the TCP connection below nc, or nil.
func tcpOf(nc net.Conn) *net.TCPConn {
	for {
		wrapped, ok := nc.(interface{ NetConn() net.Conn }) // TLS, or a connection that was looked at
		if !ok {
			break
		}
		nc = wrapped.NetConn()
	}
	tc, _ := nc.(*net.TCPConn)
	return tc
}
