/// The positions, cells or shards of a plan: listed one by one, or worked out when they are asked for.
///
/// A grid follows from its axes, so that a sweep of millions of cells is never held whole. Changing an element lists them
/// all first.
package struct PlanList<Element: Equatable & Sendable>: Sendable {
    private enum Storage: Sendable {
        case listed([Element])
        case computed(count: Int, runLength: Int, element: @Sendable (Int) -> Element)
    }

    private var storage: Storage

    package init(_ elements: [Element]) {
        storage = .listed(elements)
    }

    /// - Parameters:
    ///   - count: How many elements there are.
    ///   - runLength: How many neighbours each are known to have most in common, from the first element on.
    ///   - element: Gives the element of an index below `count`, the same one every time.
    init(count: Int, runLength: Int = 1, element: @escaping @Sendable (Int) -> Element) {
        storage = .computed(count: count, runLength: Swift.max(1, runLength), element: element)
    }

    /// How many neighbours each have most in common, as far as is known without looking: of cells and positions, those that
    /// differ in guidance alone.
    package var runLength: Int {
        switch storage {
        case .listed: 1
        case .computed(_, let runLength, _): runLength
        }
    }
}

extension PlanList: RandomAccessCollection, MutableCollection, RangeReplaceableCollection {
    package init() {
        self.init([])
    }

    package var startIndex: Int { 0 }

    package var endIndex: Int {
        switch storage {
        case .listed(let elements): elements.count
        case .computed(let count, _, _): count
        }
    }

    package subscript(index: Int) -> Element {
        get {
            switch storage {
            case .listed(let elements):
                return elements[index]
            case .computed(let count, _, let element):
                precondition(index >= 0 && index < count, "a plan's element is out of range")
                return element(index)
            }
        }
        set {
            var elements = Array(self)
            elements[index] = newValue
            storage = .listed(elements)
        }
    }

    package mutating func replaceSubrange(_ range: Range<Int>, with elements: some Collection<Element>) {
        var all = Array(self)
        all.replaceSubrange(range, with: elements)
        storage = .listed(all)
    }
}

extension PlanList: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: Element...) {
        self.init(elements)
    }
}

extension PlanList: Equatable {
    package static func == (first: PlanList, second: PlanList) -> Bool {
        first.elementsEqual(second)
    }
}
