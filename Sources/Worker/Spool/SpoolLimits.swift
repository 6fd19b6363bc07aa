/// How much may wait in the spool before no more work is asked for; what is granted already is still finished.
package struct SpoolLimits: Equatable, Sendable {
    package var count: Int
    package var bytes: Int

    package init(count: Int = 4096, bytes: Int = 1 << 30) {
        self.count = count
        self.bytes = bytes
    }

    func isFull(count: Int, bytes: Int) -> Bool {
        count >= self.count || bytes >= self.bytes
    }
}
