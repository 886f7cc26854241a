<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Symfony\Contracts\HttpClient\ChunkInterface;

/**
 * What `stream()` yields while all is well: an informational response, the head, a piece of the body, the end.
 *
 * @internal
 */
final readonly class Chunk implements ChunkInterface
{
    /**
     * @param array{int, array<string, list<string>>}|null $informational
     */
    private function __construct(
        private int $offset,
        private string $content = '',
        private bool $isFirst = false,
        private bool $isLast = false,
        private ?array $informational = null,
    ) {}

    /**
     * @param array<string, list<string>> $headers
     */
    public static function informational(int $status, array $headers): self
    {
        return new self(0, informational: [$status, $headers]);
    }

    public static function first(): self
    {
        return new self(0, isFirst: true);
    }

    public static function data(int $offset, string $content): self
    {
        return new self($offset, $content);
    }

    public static function last(int $offset): self
    {
        return new self($offset, isLast: true);
    }

    public function isTimeout(): bool
    {
        return false;
    }

    public function isFirst(): bool
    {
        return $this->isFirst;
    }

    public function isLast(): bool
    {
        return $this->isLast;
    }

    /**
     * @return array{int, array<string, list<string>>}|null
     */
    public function getInformationalStatus(): ?array
    {
        return $this->informational;
    }

    public function getContent(): string
    {
        return $this->content;
    }

    public function getOffset(): int
    {
        return $this->offset;
    }

    public function getError(): ?string
    {
        return null;
    }
}
