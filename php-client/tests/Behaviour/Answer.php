<?php

declare(strict_types=1);

namespace Hawser\Tests\Behaviour;

use Hawser\Facts;

/**
 * A response as every API can tell of it.
 */
final readonly class Answer
{
    /**
     * @param array<array-key, list<string>> $fields by lower-case name
     * @param Facts|null                  $facts  null: this API does not tell
     */
    public function __construct(public int $status, public array $fields, public string $body, public ?Facts $facts = null) {}

    /**
     * The body of `/inspect`: what the origin saw.
     *
     * @return array<array-key, mixed>
     */
    public function seen(): array
    {
        $seen = json_decode($this->body, true);

        return \is_array($seen) ? $seen : [];
    }

    /**
     * Values that the origin saw of a field.
     *
     * @return list<string>
     */
    public function seenField(string $name): array
    {
        $values = [];
        $fields = $this->seen()['fields'] ?? [];
        foreach (\is_array($fields) ? array_chunk($fields, 2) : [] as $line) {
            if ($line[0] === $name && \is_string($line[1] ?? null)) {
                $values[] = $line[1];
            }
        }

        return $values;
    }
}
