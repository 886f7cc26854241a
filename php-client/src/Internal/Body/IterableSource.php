<?php

declare(strict_types=1);

namespace Hawser\Internal\Body;

use Generator;
use Hawser\Exception\InvalidArgumentException;
use Iterator;
use IteratorIterator;
use Traversable;

/**
 * A generator, or anything else that can be looped over for strings. It runs once, as far as there is room to send.
 *
 * @internal
 */
final class IterableSource implements BodySource
{
    /** @var Iterator<mixed, mixed> */
    private readonly Iterator $chunks;

    /** What `take` could not return of the last chunk. */
    private string $rest = '';

    private bool $isBegun = false;

    /**
     * @param Traversable<mixed, mixed> $chunks
     */
    public function __construct(Traversable $chunks)
    {
        $this->chunks = $chunks instanceof Iterator ? $chunks : new IteratorIterator($chunks);
    }

    public function take(int $maxBytes): string
    {
        while ($this->rest === '') {
            if ($this->isBegun) {
                $this->chunks->next();
            } else {
                $this->isBegun = true;
                // A generator begins by itself, and may stand at a later yield already.
                if (!$this->chunks instanceof Generator) {
                    $this->chunks->rewind();
                }
            }
            if (!$this->chunks->valid()) {
                return '';
            }
            $chunk = $this->chunks->current();
            if (!\is_string($chunk)) {
                throw new InvalidArgumentException(\sprintf('body: its iterator gave %s; allowed is string.', get_debug_type($chunk)));
            }
            $this->rest = $chunk;
        }
        $octets = substr($this->rest, 0, $maxBytes);
        $this->rest = substr($this->rest, $maxBytes);

        return $octets;
    }

    public function rewind(): bool
    {
        return !$this->isBegun;
    }

    public function length(): null
    {
        return null;
    }
}
