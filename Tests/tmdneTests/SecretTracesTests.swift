import Testing

@testable import SharedModel

@Suite("Traces of a secret")
struct SecretTracesTests {
    @Test("are found in every encoding that the program has, and nowhere else")
    func found() throws {
        let secret = JoinSecret()
        let traces = SecretTraces(of: secret)
        let token = try JoinToken(hosts: ["127.0.0.1"], port: 7707, secret: secret).text
        let hexadecimal = Hexadecimal.encode(secret.bytes)
        for text in [secret.base64URL, hexadecimal, "\(secret.bytes)", token, String(token.dropFirst(9))] {
            #expect(traces.show("a line with \(text) in it"))
        }
        #expect(!traces.show("\(secret) \(JoinSecret().base64URL) \(secret.sha256)"))
    }
}
