<?php

declare(strict_types=1);

namespace Hawser;

use ArrayIterator;
use Countable;
use IteratorAggregate;
use Traversable;

/**
 * Header or trailer fields (RFC 9110 section 5) in the order they came, repeats kept. Names are lower case and are
 * looked up without regard to case; values are octets as they came.
 *
 * @implements IteratorAggregate<int, array{string, string}>
 */
final class Fields implements Countable, IteratorAggregate
{
    /** @var array<string, list<string>>|null */
    private ?array $byName = null;

    /**
     * @param list<string> $flat name, value, name, value, …
     */
    public function __construct(private readonly array $flat) {}

    /**
     * All values of a field joined by a comma and a space (RFC 9110 section 5.3); null where there is none. Take
     * `all()` for `set-cookie`, whose values cannot be joined.
     */
    public function get(string $name): ?string
    {
        $values = $this->byName()[strtolower($name)] ?? null;

        return $values === null ? null : implode(', ', $values);
    }

    /**
     * The values of a field, one per line that came; an empty list where there is none.
     *
     * @return list<string>
     */
    public function all(string $name): array
    {
        return $this->byName()[strtolower($name)] ?? [];
    }

    public function has(string $name): bool
    {
        return isset($this->byName()[strtolower($name)]);
    }

    /**
     * Values by lower-case name, names in the order of their first line. A name of digits only comes as an int key, as
     * PHP has it.
     *
     * @return array<string, list<string>>
     */
    public function byName(): array
    {
        if ($this->byName === null) {
            $this->byName = [];
            for ($at = 0, $end = \count($this->flat); $at < $end; $at += 2) {
                $this->byName[strtolower($this->flat[$at])][] = $this->flat[$at + 1];
            }
        }

        return $this->byName;
    }

    /**
     * Each field line as it came: `[name, value]`.
     *
     * @return list<array{string, string}>
     */
    public function lines(): array
    {
        $lines = [];
        for ($at = 0, $end = \count($this->flat); $at < $end; $at += 2) {
            $lines[] = [$this->flat[$at], $this->flat[$at + 1]];
        }

        return $lines;
    }

    /**
     * @return Traversable<int, array{string, string}>
     */
    public function getIterator(): Traversable
    {
        return new ArrayIterator($this->lines());
    }

    /**
     * The number of field lines.
     */
    public function count(): int
    {
        return \count($this->lines());
    }
}
