/// Which positions of a grid somebody means: those that fit everything that is named.
package struct GridSelection: Codable, Equatable, Sendable {
    /// A value that a position may have on an axis.
    package struct Condition: Codable, Equatable, Sendable {
        package var axis: GridAxis
        /// As an export has it; of a prompt and a negative prompt a part is enough.
        package var value: String

        package init(_ axis: GridAxis, _ value: String) {
            self.axis = axis
            self.value = value
        }
    }

    /// Of an axis that is named, one of the values named has to fit.
    package var conditions: [Condition]
    /// Numbers of positions; one of them has to fit where there are any.
    package var positions: [Int]

    package init(_ conditions: [Condition] = [], positions: [Int] = []) {
        self.conditions = conditions
        self.positions = positions
    }

    /// Whether nothing is named, so that every position fits.
    package var isEmpty: Bool { conditions.isEmpty && positions.isEmpty }
}
