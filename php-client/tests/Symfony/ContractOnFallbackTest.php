<?php

declare(strict_types=1);

namespace Hawser\Tests\Symfony;

use Hawser\ClientOptions;
use Hawser\Tests\Support\Stand;
use PHPUnit\Framework\Attributes\Group;

/**
 * The contract while no broker is there: the same by curl.
 */
#[Group('one-codec')]
final class ContractOnFallbackTest extends ContractTestCase
{
    protected static function options(): ClientOptions
    {
        return Stand::shared()->options(false);
    }
}
