extension Array {
    /// Neighbours in at most so many parts, whose sizes differ by one at most; no part is empty.
    func evenParts(_ most: Int) -> [[Element]] {
        let count = Swift.min(most, self.count)
        return (0..<count).map { Array(self[($0 * self.count / count)..<(($0 + 1) * self.count / count)]) }
    }
}
