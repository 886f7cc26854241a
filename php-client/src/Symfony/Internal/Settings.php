<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Closure;

/**
 * Of Symfony's options those that say how a response is received, each with its type.
 *
 * @internal
 */
final readonly class Settings
{
    /**
     * @param float                              $timeout            seconds without activity
     * @param float                              $maxDuration        seconds for request and response, redirects included; 0: none
     * @param float                              $maxConnectDuration seconds; 0: none
     * @param array<string, string|null>         $resolve            host → address; null: as DNS says
     * @param bool|Closure|resource              $buffer
     * @param (Closure(int, int, array<string, mixed>): mixed)|null $onProgress
     */
    private function __construct(
        public float $timeout,
        public float $maxDuration,
        public float $maxConnectDuration,
        public int $maxRedirects,
        public array $resolve,
        public mixed $buffer,
        public ?Closure $onProgress,
        public mixed $userData,
        public bool $isDecoded,
    ) {}

    /**
     * @param array<string, mixed> $options as `HttpClientTrait::prepareRequest` leaves them
     */
    public static function of(array $options): self
    {
        $maxDuration = self::seconds($options['max_duration'] ?? 0);
        $timeout = self::seconds($options['timeout'] ?? 0);
        $onProgress = $options['on_progress'] ?? null;
        /** @var array<string, string|null> $resolve */
        $resolve = $options['resolve'] ?? [];
        $headers = $options['normalized_headers'] ?? [];
        /** @var bool|Closure|resource $buffer checked by the trait */
        $buffer = $options['buffer'] ?? true;

        return new self(
            $timeout,
            $maxDuration,
            self::seconds($options['max_connect_duration'] ?? 0),
            \is_int($options['max_redirects'] ?? null) ? max(0, $options['max_redirects']) : 0,
            $resolve,
            $buffer,
            \is_callable($onProgress) ? $onProgress(...) : null,
            $options['user_data'] ?? null,
            \extension_loaded('zlib') && \is_array($headers) && !isset($headers['accept-encoding']),
        );
    }

    private static function seconds(mixed $value): float
    {
        return is_numeric($value) ? max(0.0, (float) $value) : 0.0;
    }
}
