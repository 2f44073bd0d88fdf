// SPDX-License-Identifier: MIT
// Serves one request of its own, and ends.
const http = require('http')
const isNumber = require('is-number')

const server = http.createServer((request, response) => response.end(String(isNumber(7))))
server.listen(0, '127.0.0.1', () =>
    http.get({ port: server.address().port }, (response) => response.on('data', (data) => {
        console.log('answered', data.toString())
        server.close()
    }).on('end', () => process.exit(0))))
